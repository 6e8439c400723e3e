import { Controller, Get, Param, Query } from '@nestjs/common';
import { requiredText } from '../input/fields.js';
import { WholeNumberPipe } from '../input/whole-number.pipe.js';
import { BrowseService } from './browse.service.js';

@Controller('api/browse')
export class BrowseController {
  constructor(private readonly browse: BrowseService) {}

  @Get(':category')
  show(
    @Param('category') category: unknown,
    @Query('page', new WholeNumberPipe('page', { min: 1, max: 1_000_000, fallback: 1 })) page: number,
  ) {
    return this.browse.list(requiredText('Category', category), page);
  }
}
