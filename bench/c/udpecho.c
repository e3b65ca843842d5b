// udpecho is the limit for UDP echo: recvmmsg(2) and sendmmsg(2) in C, one
// thread, blocking, no per-datagram work beyond the two calls.
//
//   udpecho          batches of up to 64 datagrams
//   udpecho gso      UDP_GRO in, UDP_SEGMENT out: one buffer holds many datagrams
//
// It prints "listening PORT" and runs until its standard input ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { BATCH = 64, SIZE = 2048, SUPER = 65536, CONTROL = 64 };

static void die(const char *what) {
	perror(what);
	exit(1);
}

static void *end_with_stdin(void *arg) {
	char c;
	while (read(0, &c, 1) > 0) {
	}
	exit(0);
	return arg;
}

static void echo_batches(int fd) {
	static char data[BATCH][SIZE];
	static struct sockaddr_in from[BATCH];
	static struct iovec iov[BATCH];
	static struct mmsghdr m[BATCH];
	for (int i = 0; i < BATCH; i++) {
		iov[i].iov_base = data[i];
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
		m[i].msg_hdr.msg_name = &from[i];
	}
	for (;;) {
		for (int i = 0; i < BATCH; i++) {
			iov[i].iov_len = SIZE;
			m[i].msg_hdr.msg_namelen = sizeof from[i];
		}
		int n = recvmmsg(fd, m, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0) {
			if (errno == EINTR) continue;
			die("recvmmsg");
		}
		for (int i = 0; i < n; i++) iov[i].iov_len = m[i].msg_len;
		for (int sent = 0; sent < n;) {
			int k = sendmmsg(fd, m + sent, n - sent, 0);
			sent += k < 0 ? 1 : k;
		}
	}
}

static void echo_segments(int fd) {
	static char data[SUPER], control[CONTROL];
	int on = 1;
	if (setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) < 0) die("UDP_GRO");
	for (;;) {
		struct sockaddr_in from;
		struct iovec iov = {data, SUPER};
		struct msghdr m = {&from, sizeof from, &iov, 1, control, CONTROL, 0};
		ssize_t n = recvmsg(fd, &m, 0);
		if (n < 0) {
			if (errno == EINTR) continue;
			die("recvmsg");
		}
		int segment = 0;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) memcpy(&segment, CMSG_DATA(c), sizeof segment);
		iov.iov_len = n;
		m.msg_controllen = 0;
		if (segment > 0 && segment < n) {
			uint16_t size = segment;
			m.msg_controllen = CMSG_SPACE(sizeof size);
			struct cmsghdr *c = CMSG_FIRSTHDR(&m);
			c->cmsg_level = IPPROTO_UDP;
			c->cmsg_type = UDP_SEGMENT;
			c->cmsg_len = CMSG_LEN(sizeof size);
			memcpy(CMSG_DATA(c), &size, sizeof size);
		}
		sendmsg(fd, &m, 0);
	}
}

int main(int argc, char **argv) {
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) die("bind");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0) die("getsockname");
	pthread_t t;
	pthread_create(&t, NULL, end_with_stdin, NULL);
	printf("listening %d\n", ntohs(a.sin_port));
	fflush(stdout);
	if (argc > 1 && strcmp(argv[1], "gso") == 0) echo_segments(fd);
	echo_batches(fd);
}
