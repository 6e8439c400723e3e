/** The value that is cached: about 1 KB as JSON, three levels deep, as an API would answer with. @param {number} id */
export function product(id) {
  return {
    id,
    sku: `SKU-${String(id).padStart(8, '0')}`,
    name: `Ergonomic granite keyboard, model ${id}`,
    description:
      'A keyboard cut from one piece of granite. It does not slip, it does not creak, and it stays where it was put. ' +
      'Delivered with two cables, a cloth, and a printed manual in four languages. Batteries are not needed.',
    isActive: id % 7 !== 0,
    rating: 4.25,
    createdAt: '2025-01-17T09:30:00.000Z',
    price: { amountCents: 12_900 + id, currency: 'EUR', discount: null },
    category: { id: id % 40, slug: 'office/input-devices', parent: { id: 3, slug: 'office' } },
    tags: ['granite', 'wired', 'ergonomic', 'iso-layout'],
    dimensions: { widthMm: 440, depthMm: 135, heightMm: 31, weightGrams: 5_200 },
    variants: [
      { sku: `SKU-${id}-DE`, layout: 'de', stock: 12, isBackordered: false },
      { sku: `SKU-${id}-FR`, layout: 'fr', stock: 0, isBackordered: true },
      { sku: `SKU-${id}-US`, layout: 'us', stock: 140, isBackordered: false },
    ],
    seller: { id: 77, name: 'Stone & Daughters', country: 'PT', isVerified: true },
  };
}
