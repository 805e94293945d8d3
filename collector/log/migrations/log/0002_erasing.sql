-- Records to be found without reading the log through: erasures. The log does not know what that is.
create table marked (
    position integer primary key
);
-- From here on a record may be erased: zeros in place of its body, and a negative crc.
