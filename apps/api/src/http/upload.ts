import { createHash } from 'node:crypto';

import type {} from '@fastify/multipart';
import { createParamDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

import { CatalogueError } from '#domain/kernel/errors.js';
import { Spool } from '#infra/files/spool.js';

import { httpErrors, invalid } from './errors.js';
import { declaredTypeOf } from './part-type.js';

/** The one file of a multipart request. Its bytes can be read until the request is answered. */
export interface UploadedFile {
  readonly field: string;
  readonly filename: string;
  /** As the part declares it, with its parameters. */
  readonly contentType: string;
  readonly size: number;
  readonly sha256: string;
  /** From an offset, at most so many bytes, fewer only at the end. */
  read(offset: number, length: number): Buffer;
  /** Lets the bytes go. */
  discard(): Promise<void>;
}

interface MultipartBody {
  readonly fields: Record<string, unknown>;
  readonly file: UploadedFile | undefined;
}

/** Files up to this size stay in memory; larger ones go through an encrypted file without a name. */
const IN_MEMORY = 1024 * 1024;

/** Reads a multipart body in constant memory: its text fields, and at most one file of at most `maxBytes`. */
export async function readMultipart(request: FastifyRequest, maxBytes: number): Promise<MultipartBody> {
  const kept: IncomingFile[] = [];
  try {
    return await readParts(request, maxBytes, kept);
  } catch (error) {
    for (const incoming of kept) await incoming.discard();
    if (error instanceof CatalogueError || (error as { statusCode?: unknown }).statusCode !== undefined) throw error;
    // The form's parser knows no other faults than the client's: it ended too early, or is no form at all.
    throw new CatalogueError(httpErrors.badRequest, undefined, { cause: error });
  }
}

async function readParts(request: FastifyRequest, maxBytes: number, kept: IncomingFile[]): Promise<MultipartBody> {
  const fields: Record<string, unknown> = {};
  let file: UploadedFile | undefined;
  const limits = { fileSize: maxBytes, files: 1, fields: 32, fieldSize: 65_536 };
  const declared = declaredTypeOf(request.raw, request.headers['content-type'] ?? '');
  for await (const part of request.parts({ limits })) {
    if (part.type !== 'file') {
      fields[part.fieldname] = part.value;
      continue;
    }
    const incoming = new IncomingFile();
    kept.push(incoming);
    for await (const bytes of part.file) await incoming.append(bytes as Buffer);
    if (part.file.truncated) throw new CatalogueError(httpErrors.payloadTooLarge);
    file = incoming.file(part.fieldname, part.filename, declared() ?? part.mimetype);
  }
  return { fields, file };
}

/** The bytes of a file as they come. */
class IncomingFile {
  private readonly hash = createHash('sha256');
  private pieces: Buffer[] = [];
  private size = 0;
  private spool: Spool | undefined;

  async append(bytes: Buffer): Promise<void> {
    this.hash.update(bytes);
    this.size += bytes.length;
    if (this.spool === undefined) this.pieces.push(bytes);
    else return this.spool.append(bytes);
    if (this.size <= IN_MEMORY) return;
    this.spool = await Spool.open();
    for (const piece of this.pieces.splice(0)) await this.spool.append(piece);
  }

  file(field: string, filename: string, contentType: string): UploadedFile {
    const { size, spool } = this;
    const bytes = Buffer.concat(this.pieces);
    this.pieces = [];
    return {
      field,
      filename,
      contentType,
      size,
      sha256: this.hash.digest('hex'),
      read: (offset, length) => spool?.read(offset, length) ?? bytes.subarray(offset, offset + length),
      discard: () => this.discard(),
    };
  }

  async discard(): Promise<void> {
    await this.spool?.close();
  }
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
