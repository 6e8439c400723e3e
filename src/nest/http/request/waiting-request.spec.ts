import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, of } from 'rxjs';
import { FakeClock } from '../../../testing/fake-clock.js';
import type { RouteRequest } from './route-request.js';
import { WaitingRequest } from './waiting-request.js';

const MAX_WAIT_MS = 5_000;

describe('WaitingRequest', () => {
  it('gives the first answer, and makes no other', async () => {
    const { waiting } = waitingRequest();
    const made: string[] = [];
    const make = (answer: string) => () => {
      made.push(answer);
      return of(answer);
    };

    waiting.lead(make('own'));
    waiting.answer(make('of another'));

    expect(await firstValueFrom(await waiting.result)).toBe('own');
    expect(made).toEqual(['own']);
    expect(waiting.isWaiting).toBe(false);
  });

  it('runs its own handler when the time is up', async () => {
    const { waiting, clock } = waitingRequest();
    waiting.limitWait();

    await clock.advance(MAX_WAIT_MS - 1);
    expect(waiting.isWaiting).toBe(true);
    await clock.advance(1);

    expect(await firstValueFrom(await waiting.result)).toBe('handler');
  });

  it('waits without a limit unless told otherwise', async () => {
    const { waiting, clock } = waitingRequest();

    await clock.advance(10 * MAX_WAIT_MS);

    expect(waiting.isWaiting).toBe(true);
  });

  it('fails with the error of making its answer, and does not wait for ever', async () => {
    const { waiting } = waitingRequest();
    const error = new Error('no header can be set');

    waiting.answer(() => {
      throw error;
    });

    await expect(waiting.result).rejects.toBe(error);
  });
});

function waitingRequest(): { waiting: WaitingRequest; clock: FakeClock } {
  const clock = new FakeClock();
  const request = {
    policy: { cache: { clock } },
    exchange: {},
    next: { handle: () => of('handler') },
  } as unknown as RouteRequest;
  return { waiting: new WaitingRequest(request), clock };
}
