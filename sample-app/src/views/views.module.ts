import { Module } from '@nestjs/common';
import { ProductsModule } from '../products/products.module.js';
import { ViewsController } from './views.controller.js';
import { ViewsService } from './views.service.js';

@Module({ imports: [ProductsModule], controllers: [ViewsController], providers: [ViewsService] })
export class ViewsModule {}
