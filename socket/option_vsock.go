package socket

// The options of vsock(7). Their level is the address family's number.
var (
	VsockBufferSize = uint64Option(Option{
		Name: "vsock-buffer", Symbol: "SO_VM_SOCKETS_BUFFER_SIZE", Level: levelVsock, Number: 0, Unit: UnitBytes,
		Since: "3.9", Source: "vsock(7)", Doc: "sizes the buffer of a stream, between vsock-buffer-min and vsock-buffer-max",
	})
	VsockBufferMin = uint64Option(Option{
		Name: "vsock-buffer-min", Symbol: "SO_VM_SOCKETS_BUFFER_MIN_SIZE", Level: levelVsock, Number: 1, Unit: UnitBytes,
		Since: "3.9", Source: "vsock(7)", Doc: "bounds the buffer from below, whoever sizes it",
	})
	VsockBufferMax = uint64Option(Option{
		Name: "vsock-buffer-max", Symbol: "SO_VM_SOCKETS_BUFFER_MAX_SIZE", Level: levelVsock, Number: 2, Unit: UnitBytes,
		Since: "3.9", Source: "vsock(7)", Doc: "bounds the buffer from above, whoever sizes it",
	})
	VsockPeerVM = intOption(Option{
		Name: "vsock-peer-vm", Symbol: "SO_VM_SOCKETS_PEER_HOST_VM_ID", Level: levelVsock, Number: 3, Access: Read,
		When: Connected, Since: "3.9", Source: "linux/vm_sockets.h", Doc: "gives the peer's number at its host, under VMware alone",
	})
	VsockTrusted = flagOption(Option{
		Name: "vsock-trusted", Symbol: "SO_VM_SOCKETS_TRUSTED", Level: levelVsock, Number: 5, Access: Read,
		Since: "3.9", Source: "linux/vm_sockets.h", Doc: "tells whether the socket counts as trusted, under VMware alone",
	})
	VsockConnectTimeout = durationOption(Option{
		Name: "vsock-connect-timeout", Symbol: "SO_VM_SOCKETS_CONNECT_TIMEOUT", Level: levelVsock, Number: 6,
		Unit: UnitTimeval, Since: "3.9", Source: "vsock(7)", When: DialerSide,
		Doc: "bounds the kernel's own wait for a connection, 2s at first; the context of Connect is a bound besides",
	})
	VsockNonBlockTxRx = flagOption(Option{
		Name: "vsock-nonblock-txrx", Symbol: "SO_VM_SOCKETS_NONBLOCK_TXRX", Level: levelVsock, Number: 7, Access: Read,
		Since: "3.9", Source: "linux/vm_sockets.h", Doc: "tells whether the kernel's own use of the socket may block, under VMware alone",
	})
)
