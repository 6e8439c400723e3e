/** A kind of change that foreign keys may carry on to other tables. */
export type SqlChange = 'update' | 'delete' | 'truncate';

/** Words that begin a query. */
export const QUERY_WORDS = words('select with values table');

/** Words that end the list of tables after FROM. */
export const ENDS_OF_FROM = words(`
  select where group having order limit offset fetch for union intersect except minus window returning set values
  qualify`);

/** Functions with FROM between their arguments. */
export const FUNCTIONS_WITH_FROM = words('extract substring substr mid trim overlay position');

/** Functions in FROM that read nothing but their arguments. */
export const PURE_SOURCES = words(`
  generate_series generate_subscripts unnest regexp_matches regexp_split_to_table string_to_table xmltable
  json_table json_tree json_each jsonb_each json_each_text jsonb_each_text json_object_keys jsonb_object_keys
  json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text jsonb_path_query
  json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset
  json_populate_record jsonb_populate_record json_populate_recordset jsonb_populate_recordset`);

/** Functions that act on the database or on the session, or whose result only the session may see. */
const OWN_FUNCTIONS = words(`
  nextval setval currval lastval set_config current_setting pg_notify pg_backend_pid txid_current pg_current_xact_id
  get_lock release_lock is_free_lock last_insert_id found_rows row_count connection_id database schema user
  session_user system_user last_insert_rowid changes total_changes`);
const OWN_FUNCTION_FAMILY = /^pg_(?:try_)?advisory_/;

export function isOwnFunction(name: string): boolean {
  return OWN_FUNCTIONS.has(name) || OWN_FUNCTION_FAMILY.test(name);
}

/** Words for the caller, without brackets. */
export const OWN_WORDS = words('current_user session_user current_role system_user');

/** Words between that of a write and the name of its table. */
export const BEFORE_WRITTEN_NAME = words(`
  into from only table if not exists or ignore replace abort fail rollback low_priority high_priority delayed quick
  concurrently materialized view temporary temp unlogged`);

/** Words of writes; and for each, the words before it that make it a part of another statement. */
export const WRITES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ...[...words('into insert replace merge truncate refresh alter drop create copy rename')].map(
    (word) => [word, words('then')] as const,
  ),
  ['update', words('for key do on then')],
  ['delete', words('on then')],
]);

export const CHANGES: ReadonlyMap<string, SqlChange> = new Map([
  ['update', 'update'],
  ['merge', 'delete'],
  ['delete', 'delete'],
  ['replace', 'delete'],
  ['drop', 'truncate'],
  ['truncate', 'truncate'],
]);

function words(text: string): Set<string> {
  return new Set(text.trim().split(/\s+/));
}
