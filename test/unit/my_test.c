#include "my_test.h"

#include "base/arena.h"
#include "base/clock.h"

#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_LIMIT_MS 60000

static char *folder;
static char *socket_path;
static pid_t server;

const char *
my_test_socket(void)
{
	return socket_path;
}

const char *
my_test_user(void)
{
	return "root";
}

static bool
run(const char *fmt, const char *a, const char *b)
{
	char *command = mem_printf(fmt, a, b);
	int rc = system(command);

	free(command);
	return rc == 0;
}

static bool
answers(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool ok;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	ok = connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
	close(fd);
	return ok;
}

/* mysql: the folder of a MySQL server, or NULL for the MariaDB that is installed. */
static void
execute_server(const char *mysql, const char *user)
{
	char *program = mysql != NULL ? mem_printf("%s/mysqld", mysql) : mem_strdup("mariadbd");
	char *args[] = {program,
					"--no-defaults",
					mem_printf("--datadir=%s/data", folder),
					mem_printf("--tmpdir=%s/tmp", folder),
					mem_printf("--socket=%s", socket_path),
					mem_printf("--pid-file=%s/mariadbd.pid", folder),
					mem_printf("--log-error=%s/log", folder),
					mem_printf("--user=%s", user),
					"--skip-networking",
					"--server-id=1",
					"--log-bin=mysql-bin",
					"--binlog-format=ROW",
					"--innodb-buffer-pool-size=32M",
					"--innodb-flush-log-at-trx-commit=0",
					"--innodb-fast-shutdown=2",
					"--max-allowed-packet=256M",
					"--character-set-server=utf8mb4",
					"--secure-file-priv=",
					mysql != NULL ? "--gtid-mode=ON" : NULL, /* the end for MariaDB */
					"--enforce-gtid-consistency=ON",
					"--mysqlx=OFF",
					NULL};

	execvp(program, args);
	execv("/usr/sbin/mariadbd", args);
	_exit(127);
}

bool
my_test_is_wanted(void)
{
	const char *given = getenv("DBSYNC_TEST_MYSQL");

	return given != NULL && *given != '\0';
}

bool
my_test_start(void)
{
	const char *given = my_test_is_wanted() ? getenv("DBSYNC_TEST_MYSQL") : NULL;
	const char *tmp = getenv("TMPDIR");
	const struct passwd *me = getpwuid(getuid());
	struct stat about;
	int64_t limit_ms;
	char *install;
	bool installed;

	if (given != NULL && (stat(given, &about) != 0 || !S_ISDIR(about.st_mode)))
	{
		socket_path = mem_strdup(given);
		return true;
	}
	if (given == NULL &&
		!run("PATH=$PATH:/usr/sbin command -v mariadbd mariadb-install-db >/dev/null 2>&1%s%s", "", ""))
		return false;
	if (me == NULL)
		return false;
	folder = mem_printf("%s/dbsync-my.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL)
		return false;
	socket_path = mem_printf("%s/s", folder);
	/* a server that starts removes the temporary tables of others in the same folder, and these crash */
	if (!run("mkdir '%s/tmp'%s", folder, ""))
		return false;
	setenv("TMPDIR", folder, 1);
	install = given != NULL
				  ? mem_printf("'%s/mysqld' --no-defaults --initialize-insecure --user='%%s' --datadir='%%s/data' >/dev/null 2>&1", given)
				  : mem_strdup("mariadb-install-db --no-defaults --skip-test-db --auth-root-authentication-method=normal --user='%s' "
							   "--datadir='%s/data' >/dev/null 2>&1");
	installed = run(install, me->pw_name, folder);
	free(install);
	if (!installed)
		return false;
	server = fork();
	if (server == 0)
		execute_server(given, me->pw_name);
	limit_ms = clock_monotonic_ms() + START_LIMIT_MS;
	while (!answers())
	{
		if (clock_monotonic_ms() > limit_ms || waitpid(server, NULL, WNOHANG) != 0)
			return false;
		poll(NULL, 0, 20);
	}
	return true;
}

void
my_test_stop(void)
{
	if (server > 0)
	{
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		server = 0;
	}
	if (folder != NULL)
		run("rm -rf '%s'%s", folder, "");
	free(folder);
	free(socket_path);
	folder = NULL;
	socket_path = NULL;
}
