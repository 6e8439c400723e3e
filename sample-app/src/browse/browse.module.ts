import { Module } from '@nestjs/common';
import { BrowseController } from './browse.controller.js';
import { BrowseService } from './browse.service.js';

@Module({ controllers: [BrowseController], providers: [BrowseService] })
export class BrowseModule {}
