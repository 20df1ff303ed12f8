import { createHash } from 'node:crypto';

import type {} from '@fastify/multipart';
import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';

import { httpErrors, invalid } from './errors.js';

/** The one file of a multipart request, wholly read. */
export interface UploadedFile {
  readonly field: string;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

interface MultipartBody {
  readonly fields: Record<string, unknown>;
  readonly file: UploadedFile | undefined;
}

/** Reads a multipart body: its text fields, and at most one file of at most `maxBytes`. */
export async function readMultipart(request: FastifyRequest, maxBytes: number): Promise<MultipartBody> {
  try {
    return await readParts(request, maxBytes);
  } catch (error) {
    if (error instanceof CatalogueError || (error as { statusCode?: unknown }).statusCode !== undefined) throw error;
    // The form's parser knows no other faults than the client's: it ended too early, or is no form at all.
    throw new CatalogueError(httpErrors.badRequest, undefined, { cause: error });
  }
}

async function readParts(request: FastifyRequest, maxBytes: number): Promise<MultipartBody> {
  const fields: Record<string, unknown> = {};
  let file: UploadedFile | undefined;
  const limits = { fileSize: maxBytes, files: 1, fields: 32, fieldSize: 65_536 };
  for await (const part of request.parts({ limits })) {
    if (part.type !== 'file') {
      fields[part.fieldname] = part.value;
      continue;
    }
    const bytes = await part.toBuffer();
    if (part.file.truncated) throw new CatalogueError(httpErrors.payloadTooLarge);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    file = { field: part.fieldname, filename: part.filename, contentType: part.mimetype, bytes, sha256 };
  }
  return { fields, file };
}

/** The uploaded file as a parameter; a request without one is a validation error unless the decorator says `optional`. */
export const Upload = createParamDecorator(
  (options: { optional?: boolean } | undefined, context: ExecutionContext): UploadedFile | undefined => {
    const { upload } = context.switchToHttp().getRequest<FastifyRequest>().edge;
    if (upload === undefined && options?.optional !== true)
      throw invalid([{ type: 'missing', loc: ['body', 'file'], msg: 'is required' }]);
    return upload;
  },
);
