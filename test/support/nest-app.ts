import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

export type Platform = 'express' | 'fastify';
export const PLATFORMS: Platform[] = ['express', 'fastify'];

export interface RunningApp {
  readonly app: INestApplication;
  readonly url: string;
}

/** Starts a Nest application on the loopback interface. @param port a free one by default */
export async function startApp(
  metadata: ModuleMetadata,
  platform: Platform = 'express',
  port = 0,
): Promise<RunningApp> {
  const builder = await Test.createTestingModule(metadata).compile();
  const app =
    platform === 'express'
      ? builder.createNestApplication()
      : builder.createNestApplication(new FastifyAdapter() as never);
  app.useLogger(false);
  await app.listen(port, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

/** Resolves one provider of a module, without an application. */
export async function resolve<T>(
  metadata: ModuleMetadata,
  token: Type<T> | string | symbol,
): Promise<{ value: T; close: () => Promise<void> }> {
  const module = await Test.createTestingModule(metadata).compile();
  await module.init();
  return { value: module.get<T>(token, { strict: false }), close: () => module.close() };
}
