/*
 * stop.c
 *		Signals become readable file descriptors, so that a poll() sees them without a race.
 */
#include "base/stop.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EXIT_INTERRUPTED 130

static atomic_bool stop_flag;
static atomic_int stop_signals;
static atomic_int hangups;
static atomic_int stop_event = -1;
static atomic_int hangup_event = -1;

static void
raise_event(int fd)
{
	uint64_t one = 1;
	ssize_t written DBSYNC_UNUSED;

	if (fd >= 0)
		written = write(fd, &one, sizeof(one)); /* fails only when it is readable already */
}

void
stop_request(void)
{
	int saved_errno = errno;

	atomic_store(&stop_flag, true);
	raise_event(atomic_load(&stop_event));
	errno = saved_errno;
}

static void
handle_stop_signal(int signal_number DBSYNC_UNUSED)
{
	if (atomic_fetch_add(&stop_signals, 1) > 0)
		_exit(EXIT_INTERRUPTED);
	stop_request();
}

static void
handle_hangup(int signal_number DBSYNC_UNUSED)
{
	int saved_errno = errno;

	atomic_fetch_add(&hangups, 1);
	raise_event(atomic_load(&hangup_event));
	errno = saved_errno;
}

static bool
install_handler(int signal_number, void (*handler)(int), Error *err)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	if (sigaction(signal_number, &action, NULL) != 0)
		return error_errno(err, "cannot install the handler of signal %d", signal_number);
	return true;
}

static bool
open_event(atomic_int *event, Error *err)
{
	int fd;

	if (atomic_load(event) >= 0)
		return true;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return error_errno(err, "cannot create an eventfd");
	atomic_store(event, fd);
	return true;
}

bool
stop_install(Error *err)
{
	if (!open_event(&stop_event, err) || !open_event(&hangup_event, err))
		return false;
	if (stop_requested())
		raise_event(atomic_load(&stop_event));
	return install_handler(SIGINT, handle_stop_signal, err) && install_handler(SIGTERM, handle_stop_signal, err) &&
		   install_handler(SIGHUP, handle_hangup, err) && install_handler(SIGPIPE, SIG_IGN, err);
}

bool
stop_requested(void)
{
	return atomic_load(&stop_flag);
}

int
stop_fd(void)
{
	return atomic_load(&stop_event);
}

int
stop_hangup_fd(void)
{
	return atomic_load(&hangup_event);
}

bool
stop_wait(int timeout_ms)
{
	struct pollfd event = {.fd = stop_fd(), .events = POLLIN};
	int64_t deadline = clock_monotonic_ms() + timeout_ms;
	int64_t left = timeout_ms;

	while (!stop_requested() && left > 0)
	{
		(void) poll(&event, 1, (int) left);
		left = deadline - clock_monotonic_ms();
	}
	return !stop_requested();
}

bool
stop_take_hangup(void)
{
	uint64_t count;
	ssize_t got DBSYNC_UNUSED;
	int fd = atomic_load(&hangup_event);
	int waiting = atomic_load(&hangups);

	/* Read first: a signal that comes in between makes the descriptor readable again. */
	if (fd >= 0)
		got = read(fd, &count, sizeof(count));
	while (waiting > 0)
	{
		if (atomic_compare_exchange_weak(&hangups, &waiting, waiting - 1))
		{
			if (waiting > 1)
				raise_event(fd);
			return true;
		}
	}
	return false;
}
