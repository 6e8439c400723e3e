import type { INestApplication } from '@nestjs/common';
import type { CacheService } from 'nestjs-cache-kit';

// What the examples of README.md and docs/ may speak of without saying where it comes from.
declare global {
  const app: INestApplication;
  const cache: CacheService;
}
