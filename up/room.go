package up

import (
	"slices"

	"sock/engine"
	"sock/service"
)

// A room is a chat that several lines share.
type room struct {
	buses []*engine.Bus
	part  func() // undoes service.Join
}

// joinRooms brings together the servers of each chat room, whatever their
// transports. A room whose servers did not change is left alone, so that no
// line of it is lost. The caller holds mu.
func (s *Set) joinRoomsLocked() {
	members := map[string][]*engine.Bus{}
	for _, slot := range s.slots {
		if slot.shares {
			members[slot.room] = append(members[slot.room], slot.server.Bus())
		}
	}
	for name, r := range s.rooms {
		if !slices.Equal(r.buses, members[name]) {
			r.part()
			delete(s.rooms, name)
		}
	}
	for name, buses := range members {
		if s.rooms[name] == nil && len(buses) > 1 {
			s.rooms[name] = &room{buses: buses, part: service.Join(buses...)}
		}
	}
}
