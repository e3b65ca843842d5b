package socket

// Message is what SendMsg, RecvMsg, SendBatch and RecvBatch carry: data in one or several buffers,
// an address, control messages. Keep Messages and their buffers and use them again: the calls then
// allocate nothing.
type Message struct {
	// Buffers are sent one after another as one message, or filled one after another.
	Buffers [][]byte

	// Addr is where to send to (invalid: to the connected peer), or set to the sender's address.
	Addr Addr

	// Control holds control messages to send (see AppendRights and its like), or room for received
	// ones, of which NControl bytes were filled. Parse them with ParseControl(m.Control[:m.NControl]).
	Control []byte

	// N is the number of bytes sent or received.
	N int

	// NControl is the number of bytes of Control that were filled by a receive.
	NControl int

	// Flags of the received message: MsgTrunc where the data did not fit, MsgCTrunc where the
	// control messages did not, MsgEOR, MsgOOB, MsgErrQueue.
	Flags Flags
}
