import type { PipeTransform } from '@nestjs/common';
import { badRequest } from './bad-request.js';

interface Bounds {
  min: number;
  max: number;
  /** Default for an absent value; without it the value is required. */
  fallback?: number;
}

/** Nest's ParseIntPipe with bounds: an id beyond Postgres' integers is a bad request, not a failed query. */
export class WholeNumberPipe implements PipeTransform<unknown, number> {
  constructor(
    private readonly name: string,
    private readonly bounds: Bounds,
  ) {}

  transform(value: unknown): number {
    const { min, max, fallback } = this.bounds;
    if (value === undefined && fallback !== undefined) return fallback;
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    throw badRequest(
      `Expected ${this.name} to be a whole number from ${min} to ${max}, got ` +
        (value === undefined ? 'nothing' : JSON.stringify(value)),
    );
  }
}

export const productId = (name = 'id') => new WholeNumberPipe(name, { min: 1, max: 2 ** 31 - 1 });
