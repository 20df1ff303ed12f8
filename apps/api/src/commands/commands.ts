import { Injectable } from '@nestjs/common';
import { Command, CommandBus, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { AnyDecider, Decider, DomainCommand, Facts } from '#domain/kernel/decider.js';
import type { DomainEvent } from '#domain/kernel/events.js';
import type { CallerContext } from '#api/http/caller.js';
import { CommandPath, type CommandContext, type CommandOutcome } from '#infra/commands/command-path.js';
import type { Companion } from '#infra/event-log/companions.js';
import { ReadYourWrites } from './read-your-writes.js';

/** The one command on the bus: a decider's command with its stream, its facts and its surroundings. */
export class RunCommand extends Command<CommandOutcome<DomainEvent, unknown>> {
  constructor(
    readonly decider: AnyDecider,
    readonly streamId: string,
    readonly command: DomainCommand,
    readonly facts: Facts,
    readonly context: CommandContext,
  ) {
    super();
  }
}

/** Runs every command of every capability. */
@CommandHandler(RunCommand)
export class RunCommandHandler implements ICommandHandler<RunCommand> {
  constructor(private readonly path: CommandPath) {}

  execute(run: RunCommand): Promise<CommandOutcome<DomainEvent, unknown>> {
    const decider = run.decider as Decider<DomainCommand, DomainEvent, unknown>;
    return this.path.run(decider, run.streamId, run.command, run.facts, run.context);
  }
}

/** How controllers run commands: on the bus, then wait for the read models that the caller will look at. */
@Injectable()
export class Commands {
  constructor(
    private readonly bus: CommandBus,
    private readonly path: CommandPath,
    private readonly reads: ReadYourWrites,
  ) {}

  /** Throws CatalogueError for a refusal. `companions` are rows that are stored with what it decides. */
  run<C extends DomainCommand, E extends DomainEvent, S>(
    decider: Decider<C, E, S>,
    streamId: string,
    command: C,
    caller: CallerContext,
    companions: readonly Companion[] = [],
  ): Promise<CommandOutcome<E, S>> {
    return this.runIn(decider, streamId, command, caller, { facts: caller.facts, companions });
  }

  /** As `run`, on a stream of another tenant; whether the caller may act for it is the caller's own question. */
  runFor<C extends DomainCommand, E extends DomainEvent, S>(
    tenantId: string,
    decider: Decider<C, E, S>,
    streamId: string,
    command: C,
    caller: CallerContext,
  ): Promise<CommandOutcome<E, S>> {
    return this.runIn(decider, streamId, command, caller, { facts: { ...caller.facts, tenantId }, companions: [] });
  }

  private async runIn<C extends DomainCommand, E extends DomainEvent, S>(
    decider: Decider<C, E, S>,
    streamId: string,
    command: C,
    caller: CallerContext,
    { facts, companions }: { readonly facts: Facts; readonly companions: readonly Companion[] },
  ): Promise<CommandOutcome<E, S>> {
    const run = new RunCommand(decider, streamId, command, facts, { ...caller.context, companions });
    const outcome = (await this.bus.execute(run)) as CommandOutcome<E, S>;
    await this.reads.after(outcome.position, caller);
    return outcome;
  }

  /** The state of a stream of the caller's tenant. */
  load<E extends DomainEvent, S>(decider: Decider<never, E, S>, streamId: string, caller: CallerContext): Promise<S> {
    return this.path.load(decider, caller.tenantId, streamId);
  }

  /** As `load`, of a stream of another tenant. */
  loadFor<E extends DomainEvent, S>(tenantId: string, decider: Decider<never, E, S>, streamId: string): Promise<S> {
    return this.path.load(decider, tenantId, streamId);
  }
}
