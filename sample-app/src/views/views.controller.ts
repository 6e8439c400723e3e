import { Controller, Get, Param, Post } from '@nestjs/common';
import { productId } from '../input/whole-number.pipe.js';
import { ViewsService } from './views.service.js';

@Controller('api/products/:id/views')
export class ViewsController {
  constructor(private readonly views: ViewsService) {}

  @Post()
  async count(@Param('id', productId()) id: number) {
    return { views: await this.views.count(id) };
  }

  /** The number that visitors see, and the one in the database, which follows within a second. */
  @Get()
  async show(@Param('id', productId()) id: number) {
    return { views: await this.views.current(id), in_database: await this.views.saved(id) };
  }
}
