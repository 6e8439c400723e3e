import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { config } from './config.js';

/** Lets in who sends the token of ADMIN_TOKEN in `X-Admin-Token`. */
@Injectable()
export class AdminGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string | string[] | undefined> }>();
    const token = request.headers['x-admin-token'];
    // Digests have one length, which timingSafeEqual needs, and the time of the comparison tells nothing about the
    // token.
    return typeof token === 'string' && timingSafeEqual(digest(token), digest(config.adminToken));
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest();
