package socket

import "encoding/binary"

// The options of unix(7). They are of level SOL_SOCKET; netlink sockets have
// some of them too.
var (
	PassCred = flagOption(Option{
		Name: "passcred", Symbol: "SO_PASSCRED", Level: levelSocket, Number: 16, Source: "unix(7)",
		Families: []Family{UNIX, NETLINK},
		Doc:      "passes the sender's process, user and group as a control message; names an unnamed socket",
	})
	PeerCred = structOption(Option{
		Name: "peercred", Symbol: "SO_PEERCRED", Level: levelSocket, Number: 17, When: Connected, Source: "unix(7)",
		Families: unixFamily, Doc: "gives the peer's process, user and group at the time it connected",
	}, 12, decodeCredentials)
	PeerSec = stringOption(Option{
		Name: "peersec", Symbol: "SO_PEERSEC", Level: levelSocket, Number: 31, When: Connected, Access: Read,
		Since: "2.6.2", Source: "unix(7)", Families: []Family{UNIX, INET, INET6},
		Doc: "gives the peer's security context, where a security module has one",
	}, 256)
	PassSec = flagOption(Option{
		Name: "passsec", Symbol: "SO_PASSSEC", Level: levelSocket, Number: 34, Since: "2.6.18", Source: "unix(7)",
		Families: []Family{UNIX, NETLINK},
		Doc:      "passes the sender's security context as a control message",
	})
	PeerGroups = structOption(Option{
		Name: "peergroups", Symbol: "SO_PEERGROUPS", Level: levelSocket, Number: 59, When: Connected, Since: "4.13",
		Source: "asm-generic/socket.h", Families: unixFamily,
		Doc: "gives the peer's supplementary groups at the time it connected",
	}, 4*maxGroups, decodeGroups)
	PassPidFD = flagOption(Option{
		Name: "passpidfd", Symbol: "SO_PASSPIDFD", Level: levelSocket, Number: 76, Since: "6.5",
		Source: "asm-generic/socket.h", Families: unixFamily,
		Doc: "passes a descriptor of the sender's process as a control message",
	})
	PeerPidFD = descriptorOption(Option{
		Name: "peerpidfd", Symbol: "SO_PEERPIDFD", Level: levelSocket, Number: 77, When: Connected, Since: "6.5",
		Source: "asm-generic/socket.h", Families: unixFamily,
		Doc: "gives a descriptor of the peer's process, which the caller must close",
	})
	PassRights = flagOption(Option{
		Name: "passrights", Symbol: "SO_PASSRIGHTS", Level: levelSocket, Number: 83, Since: "6.16",
		Source: "asm-generic/socket.h", Families: unixFamily,
		Doc: "accepts descriptors from the peer; on from the start",
	})
	UnixInq = flagOption(Option{
		Name: "unix-inq", Symbol: "SO_INQ", Level: levelSocket, Number: 84, Since: "6.17", Access: Write,
		Source: "asm-generic/socket.h", Families: unixFamily, Types: streamType,
		Doc: "passes the number of bytes still waiting as a control message",
	})
)

// maxGroups is NGROUPS_MAX.
const maxGroups = 65536

// descriptorOption enters a row that reads as a new descriptor. As text it is
// the descriptor's number, closed again at once.
func descriptorOption(o Option) *Opt[int] {
	o.Access = Read
	row := intOption(o)
	row.release = closeDescriptor
	return row
}

// decodeCredentials reads struct ucred: process, user, group.
func decodeCredentials(wire []byte) (Credentials, error) {
	if len(wire) < 12 {
		return Credentials{}, errShort
	}
	return Credentials{
		PID: int(int32(binary.NativeEndian.Uint32(wire))),
		UID: int(binary.NativeEndian.Uint32(wire[4:])),
		GID: int(binary.NativeEndian.Uint32(wire[8:])),
	}, nil
}

func decodeGroups(wire []byte) ([]uint32, error) {
	var groups []uint32
	for ; len(wire) >= 4; wire = wire[4:] {
		groups = append(groups, binary.NativeEndian.Uint32(wire))
	}
	return groups, nil
}
