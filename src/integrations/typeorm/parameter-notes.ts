import type { DataSource } from 'typeorm';

/** A statement of a query builder, as it is sent to the driver. */
export interface SentStatement {
  readonly sql: string;
  readonly parameters: unknown;
}

/** TypeORM names a query to its cache by the SQL, this mark, and the parameters as JSON. */
const MARK = ' -- PARAMETERS: ';

/**
 * Knows the parameters of the query that TypeORM is about to look up. TypeORM names them as JSON, in which a date is a
 * text, and NaN is null; the driver has just made the statement, and nothing else has run since.
 */
export class ParameterNotes {
  #sql = '';
  #parameters: unknown;

  constructor({ driver }: DataSource) {
    const escape = driver.escapeQueryWithParameters.bind(driver);
    driver.escapeQueryWithParameters = (...given) => {
      const made = escape(...given);
      [this.#sql, this.#parameters] = made;
      return made;
    };
  }

  /** @param query the name of a query; its statement may contain the mark */
  statementOf(query: string): SentStatement {
    const sql = this.#sql;
    const parameters = this.#parameters;
    if (query === sql + MARK + JSON.stringify(parameters, bigintAsText))
      return { sql, parameters: Array.isArray(parameters) ? parameters.map(valueOf) : parameters };
    // The text has the parameters, if without their types.
    return { sql: query.slice(0, Math.max(query.lastIndexOf(MARK), 0)), parameters: [query] };
  }
}

/** As TypeORM does it. */
function bigintAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** The content of a parameter that TypeORM has made an instance of for SQL Server. */
function valueOf(parameter: unknown): unknown {
  const given = Object(parameter) as Record<string, unknown>;
  return given['@instanceof'] === Symbol.for('MssqlParameter')
    ? [given['type'], given['value'], given['params']]
    : parameter;
}
