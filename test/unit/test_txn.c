/* Parts of transactions, and the names of a task's phases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "model/store.h"
#include "model/txn.h"

static void
a_new_part_is_empty_and_freed_with_its_records(void **state)
{
	TxnPart    *part = txn_part_new();

	(void) state;
	assert_null(part->records);
	assert_true(part->commit_lsn == LSN_NONE && part->end_lsn == LSN_NONE && !part->last && part->part == 0);
	part->records = mem_strdup("[\"B\"]\n");
	part->length = 6;
	txn_part_free(part);
	txn_part_free(NULL);
}

static void
weight_counts_the_records_and_the_part(void **state)
{
	TxnPart		part = {0};

	(void) state;
	assert_true(txn_part_weight(&part) >= sizeof(TxnPart));
	part.length = 1000;
	assert_true(txn_part_weight(&part) >= sizeof(TxnPart) + 1000);
	assert_true(txn_part_weight(&part) < sizeof(TxnPart) + 1100);
}

static void
a_transaction_is_done_before_the_progress_and_not_at_it(void **state)
{
	(void) state;
	assert_true(txn_is_done(99, 100));
	assert_false(txn_is_done(100, 100));
	assert_false(txn_is_done(101, 100));
	assert_false(txn_is_done(1, LSN_NONE));
}

static void
phase_names_are_read_back(void **state)
{
	TaskPhase	phase;

	(void) state;
	for (int i = TASK_NEW; i <= TASK_DONE; i++)
	{
		assert_true(task_phase_parse(task_phase_name((TaskPhase) i), &phase));
		assert_int_equal(phase, i);
	}
	assert_string_equal(task_phase_name(TASK_COPYING), "copying");
	assert_false(task_phase_parse("", &phase));
	assert_false(task_phase_parse("Copying", &phase));
	assert_false(task_phase_parse("unknown", &phase));
	assert_string_equal(task_phase_name((TaskPhase) 99), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_part_is_empty_and_freed_with_its_records),
		cmocka_unit_test(weight_counts_the_records_and_the_part),
		cmocka_unit_test(a_transaction_is_done_before_the_progress_and_not_at_it),
		cmocka_unit_test(phase_names_are_read_back),
	};

	return cmocka_run_group_tests_name("txn", tests, NULL, NULL);
}
