/*
 * my_test.h
 *		A MariaDB server for tests that need one: started in a folder of its own by my_test_start(), on a socket alone, ended by my_test_stop().
 *
 * DBSYNC_TEST_MYSQL: the folder of a MySQL server (its mysqld) to be started instead, or the socket of a server that runs already (user root without
 * password).  Without any (no mariadbd here) my_test_start() returns false, and the tests are to be skipped.
 */
#ifndef DBSYNC_TEST_MY_TEST_H
#define DBSYNC_TEST_MY_TEST_H

#include <stdbool.h>

bool my_test_start(void);
/* Does somebody ask for a certain server?  Then it is a failure that there is none. */
bool my_test_is_wanted(void);
void my_test_stop(void);
const char *my_test_socket(void);
/* Name of the user that the server takes by its socket. */
const char *my_test_user(void);

#endif
