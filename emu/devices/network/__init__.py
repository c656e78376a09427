"""Networks in memory, in virtual time: what stands behind a network device.

A `link.Link` leads from the device to a peer: a `responder.Responder`, a `player.Player` of a
capture, one end of a `cable.Cable` to another machine, each of them behind a `recorder.Recorder`
if what passes is to be seen. Frames are those of Ethernet, from the destination address to the end
of the payload, without a frame check sequence.
"""
