import type { categories, customers, orderItems, orders, products, reviews, storeProducts } from './schema.js';

const counts = { products: 10_000, customers: 1_000, orders: 3_000, reviews: 8_000 };
const openedAt = Date.UTC(2024, 0, 1);
const hourMs = 3_600_000;

const assortment: Record<string, string[]> = {
  Electronics: ['Headphones', 'Monitor', 'Webcam', 'Charger', 'Router', 'Tablet'],
  Fitness: ['Dumbbells', 'Jump Rope', 'Foam Roller', 'Kettlebell', 'Gym Bag', 'Rowing Machine'],
  Kitchen: ['Kettle', 'Chef Knife', 'Blender', 'Frying Pan', 'Toaster', 'Mixing Bowl'],
  Books: ['Cookbook', 'Atlas', 'Novel', 'Biography', 'Field Guide', 'Dictionary'],
  Garden: ['Watering Can', 'Pruner', 'Planter', 'Rake', 'Hose', 'Bird Feeder'],
  Toys: ['Puzzle', 'Kite', 'Train Set', 'Board Game', 'Building Blocks', 'Yo-Yo'],
  Office: ['Desk Lamp', 'Notebook', 'Stapler', 'Office Chair', 'Whiteboard', 'Pen Set'],
  Music: ['Ukulele', 'Metronome', 'Drumsticks', 'Keyboard Stand', 'Tuner', 'Harmonica'],
  Outdoor: ['Tent', 'Sleeping Bag', 'Headlamp', 'Backpack', 'Camping Stove', 'Hammock'],
  Beauty: ['Hairbrush', 'Mirror', 'Soap Set', 'Nail Kit', 'Face Towel', 'Comb'],
  Pets: ['Dog Bed', 'Cat Tree', 'Leash', 'Food Bowl', 'Aquarium', 'Scratching Post'],
  Home: ['Candle', 'Cushion', 'Wall Clock', 'Rug', 'Vase', 'Blanket'],
};
const qualities = [
  'Compact',
  'Classic',
  'Premium',
  'Everyday',
  'Foldable',
  'Ergonomic',
  'Lightweight',
  'Deluxe',
  'Essential',
  'Pro',
];
const firstNames = ['Ada', 'Bruno', 'Chiara', 'Dmitri', 'Elif', 'Farah', 'Goran', 'Hana', 'Iker', 'Jun'];
const lastNames = ['Almeida', 'Becker', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Jansen'];
const comments = [
  'Does not last.',
  'Could be better.',
  'Does the job.',
  'Very good for the price.',
  'I would buy it again.',
];

export const exerciseProducts = [
  { id: 1, name: 'Wireless Keyboard', category: 'Electronics', price: 79.99, inStock: true },
  { id: 2, name: 'Yoga Mat', category: 'Fitness', price: 29.99, inStock: true },
  { id: 3, name: 'Coffee Grinder', category: 'Kitchen', price: 49.99, inStock: false },
  { id: 4, name: 'Standing Desk', category: 'Electronics', price: 549.99, inStock: true },
  { id: 5, name: 'Running Shoes', category: 'Fitness', price: 119.99, inStock: true },
  { id: 6, name: 'Bluetooth Speaker', category: 'Electronics', price: 39.99, inStock: true },
  { id: 7, name: 'Resistance Bands', category: 'Fitness', price: 14.99, inStock: true },
  { id: 8, name: 'French Press', category: 'Kitchen', price: 34.99, inStock: true },
] satisfies Required<typeof storeProducts.$inferInsert>[];

export interface DemoData {
  categories: Required<typeof categories.$inferInsert>[];
  products: Required<typeof products.$inferInsert>[];
  customers: Required<typeof customers.$inferInsert>[];
  orders: Required<typeof orders.$inferInsert>[];
  orderItems: Required<typeof orderItems.$inferInsert>[];
  reviews: Required<typeof reviews.$inferInsert>[];
}

/**
 * Makes the same shop every time: the first eight products are those of the exercise, a seeded generator makes the
 * others.
 */
export function generateDemoData(): DemoData {
  const random = seededRandom(2024);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T;
  // A few products have far more sales and reviews than the others, as in any shop.
  const popularProductId = () => 1 + Math.floor(counts.products * random() ** 3);
  const customerId = () => 1 + below(counts.customers);
  const numbered = <T>(count: number, make: (id: number) => T) =>
    Array.from({ length: count }, (_, index) => make(index + 1));

  const categoryNames = Object.keys(assortment);
  const categoryId = (name: string) => categoryNames.indexOf(name) + 1;

  const products = numbered(counts.products, (id) => {
    const exercise = exerciseProducts[id - 1];
    const category = pick(categoryNames);
    const stock = Math.max(0, below(60) - 5);
    return {
      id,
      name: exercise?.name ?? `${pick(qualities)} ${pick(assortment[category] ?? [])} ${100 + below(900)}`,
      categoryId: categoryId(exercise?.category ?? category),
      price: exercise?.price ?? Math.floor(4 + 400 * random() ** 2) + 0.99,
      stock: exercise === undefined ? stock : exercise.inStock ? 25 : 0,
      featured: random() < 0.01,
      createdAt: new Date(openedAt + id * hourMs),
    };
  });
  const orders = numbered(counts.orders, (id) => ({
    id,
    customerId: customerId(),
    placedAt: new Date(openedAt + (counts.products + id) * hourMs),
  }));
  const orderItems = orders
    .flatMap((order) =>
      numbered(1 + below(4), () => ({ orderId: order.id, product: products[popularProductId() - 1] })),
    )
    .map(({ orderId, product }, index) => ({
      id: index + 1,
      orderId,
      productId: product?.id ?? 1,
      quantity: 1 + below(3),
      unitPrice: product?.price ?? 0,
    }));
  const reviews = numbered(counts.reviews, (id) => {
    const rating = 1 + Math.floor(5 * random() ** 0.5);
    return {
      id,
      productId: popularProductId(),
      customerId: customerId(),
      rating,
      comment: comments[rating - 1] ?? '',
      createdAt: new Date(openedAt + (counts.products + id) * hourMs),
    };
  });

  return {
    categories: categoryNames.map((name) => ({ id: categoryId(name), name })),
    products,
    customers: numbered(counts.customers, (id) => ({ id, name: `${pick(firstNames)} ${pick(lastNames)}` })),
    orders,
    orderItems,
    reviews,
  };
}

/** Mulberry32: small, fast, and the same numbers on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
