// The limit for TCP echo on epoll: edge-triggered, registered once, one buffer
// for all connections, read until less comes than was asked for. It serves
// until standard input ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 64 << 10, EVENTS = 512, CONNS = 1 << 16 };

// What one connection could not send yet.
struct rest {
	char *bytes;
	size_t from, to;
};

static char room[ROOM];
static struct rest rests[CONNS];

static void fail(const char *what) {
	perror(what);
	exit(1);
}

static void *until_eof(void *unused) {
	char c;
	while (read(0, &c, 1) > 0)
		;
	exit(0);
	return unused;
}

static int listen_somewhere(void) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 4096) < 0)
		fail("listen");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	getsockname(fd, (struct sockaddr *)&at, &size);
	printf("listening %d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void add(int epoll, int fd, unsigned events) {
	struct epoll_event e = {.events = events, .data.fd = fd};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		fail("epoll_ctl");
}

static void accept_all(int epoll, int listener) {
	int fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (fd >= CONNS) {
			close(fd);
			continue;
		}
		rests[fd].from = rests[fd].to = 0;
		add(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	}
}

// flush sends the rest and reports whether all of it has left.
static int flush(int fd) {
	struct rest *r = &rests[fd];
	while (r->from < r->to) {
		ssize_t n = send(fd, r->bytes + r->from, r->to - r->from, MSG_NOSIGNAL);
		if (n < 0)
			return 0;
		r->from += n;
	}
	return 1;
}

static void keep(int fd, const char *bytes, size_t n) {
	struct rest *r = &rests[fd];
	if (!r->bytes && !(r->bytes = malloc(ROOM)))
		fail("malloc");
	for (size_t i = 0; i < n; i++)
		r->bytes[i] = bytes[i];
	r->from = 0;
	r->to = n;
}

static void echo(int fd) {
	while (flush(fd)) {
		ssize_t n = recv(fd, room, ROOM, 0), sent;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(fd);
			return;
		}
		sent = send(fd, room, n, MSG_NOSIGNAL);
		if (sent < n)
			keep(fd, room + (sent > 0 ? sent : 0), n - (sent > 0 ? sent : 0));
		else if (n < ROOM)
			return;
	}
}

int main(void) {
	struct epoll_event events[EVENTS];
	pthread_t watcher;
	int epoll = epoll_create1(0), listener = listen_somewhere();
	pthread_create(&watcher, NULL, until_eof, NULL);
	add(epoll, listener, EPOLLIN | EPOLLET);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < n; i++)
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				echo(events[i].data.fd);
	}
}
