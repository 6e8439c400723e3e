import { BadRequestException } from '@nestjs/common';

/** Makes a refusal in the format of the shop: `{ "error": "Name is required" }`. */
export const badRequest = (error: string) => new BadRequestException({ error });
