import { BadRequestException } from '@nestjs/common';

/** Every refusal of the shop looks like `{ "error": "Name is required" }`. */
export const badRequest = (error: string) => new BadRequestException({ error });
