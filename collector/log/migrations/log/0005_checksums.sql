-- From here on a record's checksum begins with its position. Whatever did not match before does not match after.
update records set crc = crc32(body, position) where crc >= 0 and crc = crc32(body, 0);
