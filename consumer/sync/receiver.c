/*
 * receiver.c
 *		The thread that takes transactions from the source, puts them into the stage, and tells the source what is durable.
 */
#include "sync/source_side.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/retry.h"
#include "base/stop.h"

#define MODULE "receive"

typedef struct Receiver
{
	Run		   *run;
	int64_t		feedback_ms;	/* when feedback was last sent */
	bool		ask;			/* want a position back: --until waits for it */
	bool		has_streamed;	/* the present session has delivered something */
} Receiver;

static bool
send_feedback(Receiver *self, Error *err)
{
	StageView	view;

	stage_view(self->run->stage, &view);
	self->feedback_ms = clock_monotonic_ms();
	return self->run->source->ops->confirm(self->run->source, view.seen, view.durable, self->ask, err);
}

static bool
feedback_if_due(Receiver *self, Error *err)
{
	if (clock_monotonic_ms() - self->feedback_ms < self->run->config->limits.status_interval_ms)
		return true;
	return send_feedback(self, err);
}

/* Puts a part, waiting for room; the source hears of us meanwhile.  *restart: the stream must begin anew. */
static bool
put_part(Receiver *self, TxnPart *part, bool *restart, Error *err)
{
	for (;;)
	{
		switch (stage_receiver_put(self->run->stage, part, err))
		{
			case STAGE_PUT_OK:
				return true;
			case STAGE_PUT_RESTART:
				*restart = true;
				return true;
			case STAGE_PUT_FAILED:
				return false;
			case STAGE_PUT_FULL:
				break;
		}
		if (!feedback_if_due(self, err))
		{
			txn_part_free(part);
			return false;
		}
		if (stop_requested())
		{
			txn_part_free(part);
			return error_set(err, ERROR_CANCELLED, "stopped");
		}
		stage_receiver_wait(self->run->stage, 200);
	}
}

/* From the start of a stream until it fails, or must be started anew (true). */
static bool
stream(Receiver *self, Error *err)
{
	Run		   *run = self->run;
	bool		waited = false;
	bool		restart = false;

	while (!restart)
	{
		SourceEvent event;
		int			timeout = 0;

		if (stop_requested())
			return error_set(err, ERROR_CANCELLED, "stopped");
		if (stage_receiver_restart_wanted(run->stage))
			return true;
		if (waited)
			timeout = run->config->limits.status_interval_ms < 200 ? run->config->limits.status_interval_ms : 200;
		if (!run->source->ops->next(run->source, timeout, &event, err))
			return false;
		waited = false;
		switch (event.kind)
		{
			case SOURCE_NOTHING:
				if (!stage_receiver_flush(run->stage, err))
					return false;
				waited = true;
				break;
			case SOURCE_RELATION:
				stage_receiver_relation(run->stage, event.relation_number, event.relation_text, event.relation_length);
				break;
			case SOURCE_PART:
				self->has_streamed = true;
				if (!put_part(self, event.part, &restart, err))
					return false;
				break;
			case SOURCE_POSITION:
				self->has_streamed = true;
				if (!stage_receiver_position(run->stage, event.position, event.reply_wanted, err))
					return false;
				if (event.reply_wanted && !send_feedback(self, err))
					return false;
				break;
		}
		self->ask = run->until != LSN_NONE && !stage_until_received(run->stage);
		if (!feedback_if_due(self, err))
			return false;
	}
	return true;
}

/* The last word of a stream: what is durable by now.  A source that keeps no place for us is found again by what the store knows. */
static void
say_goodbye(Receiver *self)
{
	StageView	view;
	Error		ignored = ERROR_INIT;

	stage_view(self->run->stage, &view);
	(void) !stage_receiver_position(self->run->stage, view.seen, true, &ignored);
	error_clear(&ignored);
	self->ask = false;
	(void) !send_feedback(self, &ignored);
	error_clear(&ignored);
}

static bool
start_stream(Receiver *self, Error *err)
{
	Run		   *run = self->run;
	int64_t		segment;
	Lsn			from;
	Lsn			skip;
	char		text[LSN_TEXT_SIZE];

	if (!run_next_segment(run, &segment, err) || !stage_receiver_begin(run->stage, segment, &from, &skip, err))
		return false;
	if (!run->source->ops->start(run->source, from, skip, segment, err))
		return false;
	self->has_streamed = false;
	self->feedback_ms = 0;
	log_info(MODULE, "starting log streaming at %s (%s %s)", lsn_show(from, text), run->side->task_word, run->config->slot);
	return send_feedback(self, err);
}

static bool
restart_wanted(Run *run)
{
	return stage_receiver_restart_wanted(run->stage);
}

/* What stands behind "until" is of another run, also where it cannot be read.  true: the stream is to be started anew, for the target. */
static bool
wait_for_end(Run *run, Error *err)
{
	log_info(MODULE, "all before --until is received; behind it the stream stops: %s", err->message);
	error_clear(err);
	while (!restart_wanted(run))
	{
		if (!stop_wait(200))
			return false;
	}
	return true;
}

void *
receiver_main(void *arg)
{
	Run		   *run = arg;
	Receiver	self = {.run = run};
	Retry		retry = RETRY_INIT(500, run->config->limits.retry_max_ms);
	int64_t		trouble_since = 0;
	Error		err = ERROR_INIT;

	while (!stop_requested())
	{
		Error		end_error = ERROR_INIT;
		bool		ok = start_stream(&self, &err) && stream(&self, &err);

		if (self.has_streamed)
		{
			retry_reset(&retry);
			trouble_since = 0;
		}
		/* Whatever the reason: what was received is kept, an unfinished transaction is not. */
		if (err.kind != ERROR_STORE && !stage_receiver_end(run->stage, &end_error))
		{
			if (ok || err.kind == ERROR_CANCELLED || err.kind == ERROR_RETRY)
				error_move(&err, &end_error);
			ok = false;
		}
		error_clear(&end_error);
		if (err.kind == ERROR_CANCELLED || ok)
			say_goodbye(&self);
		run->source->ops->stop(run->source);
		if (ok)
		{
			log_info(MODULE, "starting the stream anew, for the target");
			continue;
		}
		if (err.kind != ERROR_RETRY && err.kind != ERROR_CANCELLED && err.kind != ERROR_STORE && stage_until_received(run->stage))
		{
			if (wait_for_end(run, &err))
				continue;
			break;
		}
		if (err.kind != ERROR_RETRY)
			break;
		if (trouble_since == 0)
			trouble_since = clock_monotonic_ms();
		if (run->config->limits.retry_give_up_ms > 0 && clock_monotonic_ms() - trouble_since > run->config->limits.retry_give_up_ms)
		{
			error_context(&err, "gave up");
			break;
		}
		self.has_streamed = false;
		/* Where the restart itself fails, the wish for it is no reason to hurry. */
		if (!run_backoff(run, MODULE, retry_next_ms(&retry), &err, restart_wanted(run) ? NULL : restart_wanted))
		{
			/* A stop while the other side is away is no failure. */
			error_set(&err, ERROR_CANCELLED, "stopped");
			break;
		}
		error_clear(&err);
	}
	run_fail(run, MODULE, &err);
	return NULL;
}
