import type { PipeTransform } from '@nestjs/common';
import { badRequest } from './bad-request.js';
import { productId } from './whole-number.pipe.js';

const maxIds = 100;

/** Parses `1,2,3` into numbers, each once. */
export class IdListPipe implements PipeTransform<unknown, number[]> {
  transform(value: unknown): number[] {
    if (typeof value !== 'string' || value === '') throw badRequest('Expected ids, such as ?ids=1,2,3');
    const ids = new Set(value.split(',').map((id) => productId('each of ids').transform(id.trim())));
    if (ids.size > maxIds) throw badRequest(`Expected at most ${maxIds} ids, got ${ids.size}`);
    return [...ids];
  }
}
