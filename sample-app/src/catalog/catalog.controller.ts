import { Controller, Get, Query, UseInterceptors } from '@nestjs/common';
import { CacheInterceptor, CacheRoute } from 'nestjs-cache-kit';
import { WholeNumberPipe } from '../input/whole-number.pipe.js';
import { CatalogService } from './catalog.service.js';

@Controller('api/catalog')
@UseInterceptors(CacheInterceptor)
export class CatalogController {
  constructor(private readonly catalog: CatalogService) {}

  // Only `page` changes the response, so other query parameters do not make separate entries.
  @Get()
  @CacheRoute({ ttl: '60s', tags: ['catalog'], query: { allow: ['page'] } })
  show(@Query('page', new WholeNumberPipe('page', { min: 1, max: 1_000_000, fallback: 1 })) page: number) {
    return this.catalog.show(page);
  }
}
