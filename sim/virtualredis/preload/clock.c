/* A process with this library before the C library has the time that another
 * process writes into the file that QUOTALAB_CLOCK names: eight bytes,
 * nanoseconds since 1970 in the machine's byte order. The monotonic clocks
 * follow it, so that the timers of a server run in the same time. Clocks of
 * processor time stay as they are. What a server seeds its hash tables and its
 * random numbers with is the same for every server: /dev/urandom holds zeros,
 * and the process has the number 1. With QUOTALAB_CLOCK_SCOPE=wall only the
 * time of day is another's: runtimes wait by the monotonic clock, and need
 * numbers of their own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shared;
static int wall_only;
static int (*real_gettime)(clockid_t, struct timespec *);

static void find(void) {
	if (!real_gettime)
		real_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

__attribute__((constructor)) static void map_clock(void) {
	find();
	const char *path = getenv("QUOTALAB_CLOCK");
	if (!path)
		return;
	const char *scope = getenv("QUOTALAB_CLOCK_SCOPE");
	wall_only = scope && strcmp(scope, "wall") == 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	void *at = mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		shared = at;
	close(fd);
}

static int64_t now(void) {
	if (shared)
		return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
	struct timespec t;
	find();
	real_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
	find();
	if (!shared || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ||
	    (wall_only && clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
		return real_gettime(clock, t);
	int64_t n = now();
	t->tv_sec = n / 1000000000;
	t->tv_nsec = n % 1000000000;
	return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
	(void)zone;
	int64_t n = now();
	t->tv_sec = n / 1000000000;
	t->tv_usec = n % 1000000000 / 1000;
	return 0;
}

time_t time(time_t *t) {
	time_t seconds = now() / 1000000000;
	if (t)
		*t = seconds;
	return seconds;
}

static const char *seeds(const char *path) {
	return shared && !wall_only && path && strcmp(path, "/dev/urandom") == 0 ? "/dev/zero" : path;
}

FILE *fopen(const char *restrict path, const char *restrict mode) {
	FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen");
	return real(seeds(path), mode);
}

FILE *fopen64(const char *restrict path, const char *restrict mode) {
	FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, "fopen64");
	return real(seeds(path), mode);
}

pid_t getpid(void) {
	pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "getpid");
	return shared && !wall_only ? 1 : real();
}
