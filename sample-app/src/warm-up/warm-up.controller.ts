import { Controller, Get } from '@nestjs/common';
import { WarmUpService } from './warm-up.service.js';

@Controller('api/warm-up')
export class WarmUpController {
  constructor(private readonly warmUp: WarmUpService) {}

  /** What the warm-up at the start has done. */
  @Get()
  show() {
    return this.warmUp.report;
  }
}
