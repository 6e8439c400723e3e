import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { fieldsOf, price, requiredText, wholeNumber } from '../input/fields.js';
import { IdListPipe } from '../input/id-list.pipe.js';
import { productId } from '../input/whole-number.pipe.js';
import { Lookup, ProductsService } from './products.service.js';

@Controller('api/products')
export class ProductsController {
  constructor(private readonly products: ProductsService) {}

  @Get()
  async showMany(@Query('ids', IdListPipe) ids: number[]) {
    const lookup = new Lookup();
    const found = await this.products.findMany(ids, lookup);
    return {
      products: [...found.values()],
      from_cache: ids.filter((id) => !lookup.queried.includes(id)),
      from_database: lookup.queried,
    };
  }

  @Get(':id')
  async show(@Param('id', productId()) id: number) {
    const lookup = new Lookup();
    const product = await this.products.find(id, lookup);
    return { ...product, source: lookup.source };
  }

  @Post()
  create(@Body() body: unknown) {
    const fields = fieldsOf(body);
    return this.products.create({
      name: requiredText('Name', fields.name),
      category: requiredText('Category', fields.category),
      price: price(fields.price),
      stock: wholeNumber('Stock', fields.stock ?? 1),
    });
  }

  @Put(':id/price')
  changePrice(@Param('id', productId()) id: number, @Body() body: unknown) {
    return this.products.changePrice(id, price(fieldsOf(body).price));
  }
}
