import { Module } from '@nestjs/common';
import { ProductsModule } from '../products/products.module.js';
import { WarmUpController } from './warm-up.controller.js';
import { WarmUpService } from './warm-up.service.js';

@Module({ imports: [ProductsModule], controllers: [WarmUpController], providers: [WarmUpService] })
export class WarmUpModule {}
