"""How machines of a local network find each other: mDNS, broadcast and addresses that were given."""
