import type { Call } from '../../../src/integrations/prisma/cached-client.js';

interface Extension {
  query: { $allModels: { $allOperations(call: Call): Promise<unknown> } };
  client: { $transaction(this: unknown, work: () => Promise<unknown>): Promise<unknown> };
}

/** What Prisma passes to an extension, and what it would run, without Prisma. */
export class FakeClient {
  _clientVersion: string | undefined = '7.10.0';
  readonly _runtimeDataModel = {
    models: {
      User: model('users', ['posts', 'Post'], ['include', 'Tag']),
      Post: model(null, ['author', 'User'], ['tags', 'Tag']),
      Tag: model(null, ['posts', 'Post']),
      Log: model(null),
    },
  };
  /** Calls that have reached the database. */
  readonly calls: { model: string; operation: string; args: unknown }[] = [];
  /** The database: the result of each call. */
  answer: (operation: string, args: unknown) => unknown = () => [{ id: 1 }];
  #extension: Extension | undefined;
  #transactions = 0;

  $extends(extension: object): this {
    this.#extension = extension as Extension;
    return this;
  }

  /** The `$transaction` of Prisma, which the extension wraps. */
  async $transaction(work: () => Promise<unknown>): Promise<unknown> {
    this.#transactions++;
    try {
      return await work();
    } finally {
      this.#transactions--;
    }
  }

  /** Calls an operation of a model of the extended client. */
  run(model: string, operation: string, args?: object): Promise<unknown> {
    return this.#extended.query.$allModels.$allOperations({
      model,
      operation,
      args,
      query: async (own) => {
        this.calls.push({ model, operation, args: own });
        await Promise.resolve();
        return this.answer(operation, own);
      },
      __internalParams: { transaction: this.#transactions > 0 ? { kind: 'itx' } : undefined },
    });
  }

  transaction(work: () => Promise<unknown>): Promise<unknown> {
    return this.#extended.client.$transaction.call(this, work);
  }

  get #extended(): Extension {
    if (this.#extension === undefined) throw new Error('Call $extends first.');
    return this.#extension;
  }
}

interface FakeModel {
  dbName: string | null;
  schema: null;
  fields: { name: string; kind: string; type: string }[];
}

function model(dbName: string | null, ...relations: [name: string, type: string][]): FakeModel {
  const fields = relations.map(([name, type]) => ({ name, kind: 'object', type }));
  return { dbName, schema: null, fields: [{ name: 'id', kind: 'scalar', type: 'Int' }, ...fields] };
}

/** A class as Prisma's decimals are: known by its tag alone. */
export class FakeDecimal {
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  readonly [Symbol.toStringTag] = 'Decimal';
  toFixed(): string {
    return this.#text;
  }
}
