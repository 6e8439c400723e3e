import type { INestApplication } from '@nestjs/common';
import type { CacheService } from 'nestjs-cache-kit';

// Names that the examples of README.md and docs/ can use without an import.
declare global {
  const app: INestApplication;
  const cache: CacheService;
}
