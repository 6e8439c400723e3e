// Compiled only: the types of the extended client.
import { PrismaClient } from '@prisma/client';
import type { CacheService } from 'nestjs-cache-kit';
import { prismaCache } from 'nestjs-cache-kit/prisma';

declare const cache: CacheService;
declare const base: PrismaClient;
const prisma = base.$extends(prismaCache(cache, { ttl: '5m' }));

export async function reads(): Promise<void> {
  const rows = await prisma.post.findMany({ select: { title: true }, cacheStrategy: { ttl: '1m', tags: ['a'] } });
  const title: string | undefined = rows[0]?.title;
  // @ts-expect-error `id` is not selected.
  void rows[0]?.id;
  const one = await prisma.post.findUnique({ where: { id: 1 }, include: { author: true }, cacheStrategy: false });
  const email: string | undefined = one?.author.email;
  const count: number = await prisma.post.count({ cacheStrategy: {} });
  const { _sum } = await prisma.post.aggregate({ _sum: { id: true }, cacheStrategy: {} });
  const sum: number | null = _sum.id;
  const groups = await prisma.post.groupBy({ by: ['authorId'], _count: true, cacheStrategy: {} });
  const author: number | undefined = groups[0]?.authorId;
  await prisma.user.findFirst();
  await prisma.user.findFirstOrThrow({ cacheStrategy: {} });
  await prisma.user.findUniqueOrThrow({ where: { id: 1 }, cacheStrategy: {} });
  // @ts-expect-error A duration has a unit that is known.
  await prisma.post.findMany({ cacheStrategy: { ttl: '5 years' } });
  // @ts-expect-error `swr` is no option.
  await prisma.post.findMany({ cacheStrategy: { swr: 60 } });
  // @ts-expect-error `nothing` is no field.
  await prisma.post.findMany({ where: { nothing: 1 }, cacheStrategy: {} });
  // @ts-expect-error A write has no strategy.
  await prisma.post.deleteMany({ cacheStrategy: {} });
  await prisma.$transaction(async (tx) => tx.post.findMany({ cacheStrategy: {} }));
  void [title, email, count, sum, author];
}
