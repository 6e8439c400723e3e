import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { config } from './config.js';

/** Admits requests whose `X-Admin-Token` is the value of ADMIN_TOKEN. */
@Injectable()
export class AdminGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string | string[] | undefined> }>();
    const token = request.headers['x-admin-token'];
    // Digests have the same length, which timingSafeEqual needs, and the time of the comparison reveals nothing about
    // the token.
    return typeof token === 'string' && timingSafeEqual(digest(token), digest(config.adminToken));
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();
