import { type Connection } from '../model/connection.js';
import { extended, type Sample, sampleOf } from '../model/history.js';
import type { Cluster, Stats } from '../model/shapes.js';
import { AdminClient } from './admin-client.js';
import { make, part, say } from './dom.js';
import { EntryBrowser } from './entry-browser.js';
import { InvalidationForm } from './invalidation-form.js';
import { Overview } from './overview.js';
import { StatsFeed } from './stats-feed.js';
import { ProcessCard, StoreCard } from './store-card.js';
import { UseTables } from './use-tables.js';

const CLUSTER_EVERY_MS = 5_000;

const client = new AdminClient();
const browser = new EntryBrowser(client);
const overview = new Overview();
const tables = new UseTables((key) => void browser.explainShown(key, namespacesOf(shown)));
const store = new StoreCard();
const processes = new ProcessCard();

let shown: Stats | undefined;
let own: Stats | undefined;
let cluster: Cluster | undefined;
/** Samples of this process, and of all. */
const histories = { own: [] as readonly Sample[], all: [] as readonly Sample[] };

function scope(): 'own' | 'all' {
  return part<HTMLFieldSetElement>('scope').querySelector<HTMLInputElement>('[value="all"]')?.checked === true &&
    cluster !== undefined
    ? 'all'
    : 'own';
}

function draw(): void {
  const stats = scope() === 'all' ? cluster?.total : own;
  if (stats === undefined) return;
  shown = stats;
  document.title = `${stats.name} · Cache`;
  say(part('name'), stats.name);
  say(part('backend'), stats.backend);
  say(part('status'), stats.status);
  part('status').className = `pill ${stats.status}`;
  overview.show(stats, histories[scope()]);
  tables.show(stats);
  store.show(stats);
  processes.show(scope() === 'all' ? cluster?.processes : undefined);
  offerNamespaces(namespacesOf(stats));
}

function namespacesOf(stats: Stats | undefined): string[] {
  return stats?.namespaces.map(({ namespace }) => namespace) ?? [];
}

function offerNamespaces(namespaces: readonly string[]): void {
  const list = part('namespaces');
  if (list.childElementCount === namespaces.length) return;
  list.replaceChildren(...namespaces.map((value) => make('option', { attributes: { value } })));
}

function showConnection({ state, reason, heardAtMs }: Connection): void {
  const words = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting', refused: 'Refused' };
  say(part('live'), words[state]);
  part('live').className = `live is-${state}`;
  const broken = part('broken');
  broken.hidden = state === 'live' || state === 'connecting';
  const old = heardAtMs === undefined ? '' : ' The numbers below are old.';
  const why =
    state === 'refused'
      ? `The application refuses this page: ${reason ?? ''}. Sign in again.`
      : 'The connection broke. Trying again.';
  if (!broken.hidden) say(broken, `${why}${old}`);
}

/** Asks for the numbers of all processes, and offers the switch where there are several. */
async function readCluster(): Promise<void> {
  try {
    cluster = await client.cluster();
    if (cluster !== undefined) histories.all = extended(histories.all, sampleOf(cluster.total, performance.now()));
    part('scope').hidden = cluster === undefined || cluster.processes.length < 2;
    say(part('scope-all'), `All processes (${cluster?.processes.length ?? 0})`);
    if (scope() === 'all') draw();
  } catch {
    // The stream says that the application does not answer.
  }
  if (cluster !== undefined) setTimeout(() => void readCluster(), CLUSTER_EVERY_MS);
}

new InvalidationForm(client, () => void browser.refresh());
new StatsFeed(
  client,
  (stats) => {
    own = stats;
    histories.own = extended(histories.own, sampleOf(stats, performance.now()));
    if (scope() === 'own') draw();
  },
  showConnection,
).start();
part('scope').addEventListener('change', draw);
void readCluster();
