package socket

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inNewNetwork runs the test on a thread in a network namespace of its own,
// with loopback up. The thread ends with it.
func inNewNetwork(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not be used again
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = exec.Command("ip", "link", "set", "lo", "up").Run()
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	switch err := <-done; {
	case os.IsPermission(err):
		t.Skip("needs CAP_SYS_ADMIN for a network namespace")
	case err != nil:
		t.Fatal(err)
	}
}

// TestOriginalDst has the packet filter redirect connections and asks where
// they were meant to go, over IPv4 and IPv6.
func TestOriginalDst(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs the program nft")
	}
	inNewNetwork(t, func() {
		for family, ip := range map[Family]string{INET: "127.0.0.1", INET6: "::1"} {
			checkOriginalDst(t, family, ip)
		}
	})
}

func checkOriginalDst(t *testing.T, family Family, ip string) {
	l, err := New(family, STREAM, TCP)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = l.Close() }()
	if err := l.Bind(AddrFrom(netip.AddrPortFrom(netip.MustParseAddr(ip), 4000))); err != nil {
		t.Error(err)
		return
	}
	_, _ = l.Listen(0)
	table := map[Family]string{INET: "ip", INET6: "ip6"}[family]
	rules := "table " + table + " t { chain c { type nat hook output priority -100; tcp dport 80 redirect to :4000; }; }"
	nft := exec.Command("nft", "-f", "-")
	nft.Stdin = strings.NewReader(rules)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Errorf("nft: %v: %s", err, out)
		return
	}
	c, err := New(family, STREAM, TCP)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.Close() }()
	meant := netip.AddrPortFrom(netip.MustParseAddr(ip), 80)
	if err := c.Connect(context.Background(), AddrFrom(meant)); err != nil {
		t.Errorf("connecting to %v, redirected: %v", meant, err)
		return
	}
	s, _, err := l.Accept(context.Background())
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = s.Close() }()
	if got, err := OriginalDst.Get(s); err != nil || got != meant {
		t.Errorf("OriginalDst = %v, %v; want %v", got, err, meant)
	}
}
