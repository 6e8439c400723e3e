import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { fieldsOf, optionalText, price, requiredText } from '../input/fields.js';
import { WholeNumberPipe } from '../input/whole-number.pipe.js';
import { StoreService } from './store.service.js';

@Controller('api/store')
export class StoreController {
  constructor(private readonly store: StoreService) {}

  @Get('products')
  list(
    @Query('category') category: unknown,
    @Query('page', new WholeNumberPipe('page', { min: 1, max: 1_000_000, fallback: 1 })) page: number,
    @Query('limit', new WholeNumberPipe('limit', { min: 1, max: 100, fallback: 20 })) limit: number,
  ) {
    return this.store.list({ category: optionalText('Category', category), page, limit });
  }

  @Post('products')
  async create(@Body() body: unknown) {
    const fields = fieldsOf(body);
    const product = await this.store.create({
      name: requiredText('Name', fields.name),
      category: optionalText('Category', fields.category) ?? 'General',
      price: price(fields.price ?? 0),
    });
    return { message: 'Product created', product, cache_invalidated: true };
  }

  @Get('cache-stats')
  stats() {
    return this.store.stats();
  }
}
