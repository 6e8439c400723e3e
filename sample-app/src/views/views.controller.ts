import { Controller, Get, Param, Post } from '@nestjs/common';
import { productId } from '../input/whole-number.pipe.js';
import { Lookup, ProductsService } from '../products/products.service.js';
import { ViewsService } from './views.service.js';

@Controller('api/products/:id/views')
export class ViewsController {
  constructor(
    private readonly views: ViewsService,
    private readonly products: ProductsService,
  ) {}

  @Post()
  async count(@Param('id', productId()) id: number) {
    await this.checkProduct(id);
    return { views: await this.views.count(id) };
  }

  /** The number that visitors see, and the one in the database, which follows within a second. */
  @Get()
  async show(@Param('id', productId()) id: number) {
    await this.checkProduct(id);
    return { views: await this.views.current(id), in_database: await this.views.saved(id) };
  }

  /** A view that is taken over is answered at once: the database could not refuse it later. */
  private async checkProduct(id: number): Promise<void> {
    await this.products.find(id, new Lookup());
  }
}
