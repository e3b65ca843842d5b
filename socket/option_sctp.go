package socket

// The options of sctp(7) and RFC 6458 that are one number for the whole
// socket, level IPPROTO_SCTP. Those about one association or one peer are not
// in the table.
var (
	SCTPInitMsg = bytesOption(Option{
		Name: "sctp-initmsg", Symbol: "SCTP_INITMSG", Level: levelSCTP, Number: 2, Min: 8, Max: 8, Since: "2.5.45",
		When: BeforeUse, Source: "linux/sctp.h; RFC 6458",
		Doc: "says what to offer at the start: struct sctp_initmsg, four 16-bit numbers",
	}, 8)
	SCTPNoDelay = flagOption(Option{
		Name: "sctp-nodelay", Symbol: "SCTP_NODELAY", Level: levelSCTP, Number: 3, Since: "2.5.45",
		Source: "linux/sctp.h; RFC 6458", Doc: "sends small messages at once",
	})
	SCTPAutoClose = durationOption(Option{
		Name: "sctp-autoclose", Symbol: "SCTP_AUTOCLOSE", Level: levelSCTP, Number: 4, Unit: UnitSeconds, Since: "2.5.45",
		Types: []Type{SEQPACKET}, Source: "linux/sctp.h; RFC 6458", Doc: "closes idle associations after this time; 0 never",
	})
	SCTPDisableFragments = flagOption(Option{
		Name: "sctp-disable-fragments", Symbol: "SCTP_DISABLE_FRAGMENTS", Level: levelSCTP, Number: 8, Since: "2.5.45",
		Source: "linux/sctp.h; RFC 6458", Doc: "refuses messages that do not fit one packet",
	})
	SCTPMappedV4 = flagOption(Option{
		Name: "sctp-mappedv4", Symbol: "SCTP_I_WANT_MAPPED_V4_ADDR", Level: levelSCTP, Number: 12, Since: "2.6",
		Families: inet6Family, Source: "linux/sctp.h; RFC 6458", Doc: "gives IPv4 peers as mapped IPv6 addresses",
	})
	SCTPMaxSeg = intOption(Option{
		Name: "sctp-maxseg", Symbol: "SCTP_MAXSEG", Level: levelSCTP, Number: 13, Unit: UnitBytes, Max: 65535, Since: "2.6",
		Source: "linux/sctp.h; RFC 6458", Doc: "bounds the data of one packet; 0 leaves it to the path",
	})
	SCTPFragmentInterleave = intOption(Option{
		Name: "sctp-fragment-interleave", Symbol: "SCTP_FRAGMENT_INTERLEAVE", Level: levelSCTP, Number: 18, Max: 2,
		Since: "2.6.22", Source: "linux/sctp.h; RFC 6458", Doc: "says whether parts of several messages may mix",
	})
	SCTPPartialDelivery = intOption(Option{
		Name: "sctp-partial-delivery", Symbol: "SCTP_PARTIAL_DELIVERY_POINT", Level: levelSCTP, Number: 19, Unit: UnitBytes,
		Since: "2.6.22", Source: "linux/sctp.h; RFC 6458", Doc: "hands over an unfinished message once it is this large",
	})
	SCTPMaxBurst = intOption(Option{
		Name: "sctp-max-burst", Symbol: "SCTP_MAX_BURST", Level: levelSCTP, Number: 20, Unit: UnitPackets, Since: "2.6.22",
		Source: "linux/sctp.h; RFC 6458", Doc: "bounds how many packets leave at once; 0 does not",
	})
	SCTPAutoASCONF = flagOption(Option{
		Name: "sctp-auto-asconf", Symbol: "SCTP_AUTO_ASCONF", Level: levelSCTP, Number: 30, Since: "3.1",
		Source: "linux/sctp.h; RFC 6458", Doc: "tells peers of addresses that come and go",
	})
	SCTPRecvRcvInfo = flagOption(Option{
		Name: "sctp-recvrcvinfo", Symbol: "SCTP_RECVRCVINFO", Level: levelSCTP, Number: 32, Since: "3.17",
		Source: "linux/sctp.h; RFC 6458", Doc: "passes each message's stream and number as a control message",
	})
	SCTPRecvNxtInfo = flagOption(Option{
		Name: "sctp-recvnxtinfo", Symbol: "SCTP_RECVNXTINFO", Level: levelSCTP, Number: 33, Since: "3.17",
		Source: "linux/sctp.h; RFC 6458", Doc: "passes what is known of the next message as a control message",
	})
	SCTPReusePort = flagOption(Option{
		Name: "sctp-reuseport", Symbol: "SCTP_REUSE_PORT", Level: levelSCTP, Number: 36, Since: "4.20", When: BeforeBind,
		Source: "linux/sctp.h; RFC 6458", Doc: "lets several one-to-one sockets share a port",
	})
)
