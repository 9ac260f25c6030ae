#include <stddef.h>

// Loads the library when first called; 0 where it is not installed.
int turbojpeg_there(void);

// Decodes a JPEG of w by h pixels into rgb, 3 bytes a pixel. 0 where that cannot be
// done without a doubt: the library is not there, the image is of other sizes or
// colours (CMYK), or there is anything to complain of.
int turbojpeg_decode(const unsigned char *jpg, size_t size, int w, int h, unsigned char *rgb);
