package dataset

import "sync"

// Cache keeps decoded images in memory up to a number of bytes, so that a small
// set is decoded once. What is kept is never thrown out for another: an epoch
// visits every image once, and with that pattern replacing gains nothing. A hit
// and a miss give the same pixels. It is safe for concurrent use; a nil Cache
// keeps nothing.
type Cache struct {
	mu     sync.Mutex
	budget int64
	used   int64
	images map[cacheKey]Image
}

// cacheKey is a file at a size, turned by its EXIF orientation or not; the zero
// size is the file's own.
type cacheKey struct {
	file string
	exif bool
	w, h int
}

// NewCache returns a cache of at most budget bytes of pixels, and nil, which
// keeps nothing, when budget is not above 0.
func NewCache(budget int64) *Cache {
	if budget <= 0 {
		return nil
	}
	return &Cache{budget: budget, images: map[cacheKey]Image{}}
}

// Used returns the bytes of pixels and of batches that are kept.
func (c *Cache) Used() int64 {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used
}

// reserve takes bytes of the budget for good, and reports whether there were so many.
func (c *Cache) reserve(bytes int64) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used+bytes > c.budget {
		return false
	}
	c.used += bytes
	return true
}

// get returns the image of a key, made by load where it is not kept. Callers
// must not change its pixels.
func (c *Cache) get(key cacheKey, load func() (Image, error)) (Image, error) {
	if c == nil {
		return load()
	}
	c.mu.Lock()
	img, ok := c.images[key]
	c.mu.Unlock()
	if ok {
		return img, nil
	}
	img, err := load()
	if err != nil {
		return Image{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.images[key]; !ok && c.used+int64(len(img.Pix)) <= c.budget {
		c.images[key] = img
		c.used += int64(len(img.Pix))
	}
	return img, nil
}
