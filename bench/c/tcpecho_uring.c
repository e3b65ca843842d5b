// The limit for TCP echo on io_uring: multishot accept and receive into a ring
// of provided buffers, one send for each piece received, one io_uring_enter
// per turn. It serves until standard input ends. Compiled with -luring.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENTRIES = 4096, BUFFERS = 2048, SIZE = (8 << 10) + 64, GROUP = 0 };
enum { ACCEPT = 1, RECV, SEND };

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory;

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
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 4096) < 0)
		fail("listen");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	getsockname(fd, (struct sockaddr *)&at, &size);
	printf("listening %d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static struct io_uring_sqe *entry(void) {
	struct io_uring_sqe *e = io_uring_get_sqe(&ring);
	if (!e) {
		io_uring_submit(&ring);
		e = io_uring_get_sqe(&ring);
	}
	return e;
}

static void tag(struct io_uring_sqe *e, unsigned long long about, unsigned long long buffer, int fd) {
	io_uring_sqe_set_data64(e, about << 56 | buffer << 32 | (unsigned)fd);
}

static void accept_on(int fd) {
	struct io_uring_sqe *e = entry();
	io_uring_prep_multishot_accept(e, fd, NULL, NULL, 0);
	tag(e, ACCEPT, 0, fd);
}

static void receive(int fd) {
	struct io_uring_sqe *e = entry();
	io_uring_prep_recv_multishot(e, fd, NULL, 0, 0);
	e->flags |= IOSQE_BUFFER_SELECT;
	e->buf_group = GROUP;
	tag(e, RECV, 0, fd);
}

static char *buffer(unsigned i) { return memory + (size_t)i * SIZE; }

static void give_back(unsigned i) {
	io_uring_buf_ring_add(buffers, buffer(i), SIZE, i, io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(buffers, 1);
}

static void completed(struct io_uring_cqe *c) {
	unsigned about = c->user_data >> 56, sent = c->user_data >> 32 & 0xffffff, i = c->flags >> IORING_CQE_BUFFER_SHIFT;
	int fd = (int)(unsigned)c->user_data;
	struct io_uring_sqe *e;
	switch (about) {
	case ACCEPT:
		if (c->res >= 0)
			receive(c->res);
		if (!(c->flags & IORING_CQE_F_MORE))
			accept_on(fd);
		return;
	case SEND:
		give_back(sent);
		return;
	}
	if (c->res > 0) {
		e = entry();
		io_uring_prep_send(e, fd, buffer(i), c->res, MSG_NOSIGNAL | MSG_WAITALL);
		tag(e, SEND, i, fd);
		if (!(c->flags & IORING_CQE_F_MORE))
			receive(fd);
	} else if (c->res == -ENOBUFS) {
		receive(fd);
	} else {
		close(fd);
	}
}

int main(void) {
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL, .cq_entries = 4 * ENTRIES};
	pthread_t watcher;
	struct io_uring_buf_reg reg = {.ring_entries = BUFFERS, .bgid = GROUP};
	if (io_uring_queue_init_params(ENTRIES, &ring, &p) < 0)
		fail("io_uring_setup");
	io_uring_register_ring_fd(&ring);
	buffers = aligned_alloc(4096, BUFFERS * sizeof(struct io_uring_buf));
	memory = malloc((size_t)BUFFERS * SIZE);
	reg.ring_addr = (unsigned long)buffers;
	if (!buffers || !memory || io_uring_register_buf_ring(&ring, &reg, 0))
		fail("buffers");
	io_uring_buf_ring_init(buffers);
	for (unsigned i = 0; i < BUFFERS; i++)
		give_back(i);
	accept_on(listen_somewhere());
	pthread_create(&watcher, NULL, until_eof, NULL);
	for (;;) {
		struct io_uring_cqe *c;
		unsigned head, n = 0;
		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, c) {
			completed(c);
			n++;
		}
		io_uring_cq_advance(&ring, n);
	}
}
