import { Injectable } from '@nestjs/common';
import { asc, avg, count, desc, eq, gt, lt, max, min, sql, sum } from 'drizzle-orm';
import { type Database, InjectDatabase } from '../database/database.js';
import { categories, customers, orderItems, orders, products, reviews } from '../database/schema.js';
import { productColumns, selectProducts } from '../products/product.js';

const shelfSize = 5;

/** The queries of a page of the catalogue, one method for each. */
@Injectable()
export class CatalogQueries {
  constructor(@InjectDatabase() private readonly database: Database) {}

  page(page: number, limit: number) {
    return selectProducts(this.database)
      .orderBy(asc(products.id))
      .limit(limit)
      .offset((page - 1) * limit);
  }

  total() {
    return this.database.$count(products);
  }

  categories() {
    return this.database
      .select({ name: categories.name, products: count(products.id) })
      .from(categories)
      .leftJoin(products, eq(products.categoryId, categories.id))
      .groupBy(categories.id)
      .orderBy(asc(categories.name));
  }

  stockByCategory() {
    return this.database
      .select({
        name: categories.name,
        pieces: sum(products.stock).mapWith(Number),
        sold_out: count(sql`case when ${products.stock} = 0 then 1 end`),
      })
      .from(products)
      .innerJoin(categories, eq(categories.id, products.categoryId))
      .groupBy(categories.id)
      .orderBy(asc(categories.name));
  }

  async priceRange() {
    const [range] = await this.database
      .select({ min: min(products.price), max: max(products.price), average: rounded(avg(products.price)) })
      .from(products);
    return range;
  }

  featured() {
    return selectProducts(this.database).where(eq(products.featured, true)).orderBy(asc(products.id)).limit(shelfSize);
  }

  newArrivals() {
    return selectProducts(this.database).orderBy(desc(products.createdAt), desc(products.id)).limit(shelfSize);
  }

  bargains() {
    return selectProducts(this.database)
      .where(gt(products.stock, 0))
      .orderBy(asc(products.price), asc(products.id))
      .limit(shelfSize);
  }

  lastPieces() {
    return selectProducts(this.database)
      .where(lt(products.stock, 3))
      .orderBy(desc(products.price), asc(products.id))
      .limit(shelfSize);
  }

  bestsellers() {
    const sold = sum(orderItems.quantity).mapWith(Number);
    return this.database
      .select({ ...productColumns, sold })
      .from(orderItems)
      .innerJoin(products, eq(products.id, orderItems.productId))
      .innerJoin(categories, eq(categories.id, products.categoryId))
      .groupBy(products.id, categories.name)
      .orderBy(desc(sold), asc(products.id))
      .limit(shelfSize);
  }

  topRated() {
    const rating = rounded(avg(reviews.rating));
    return this.database
      .select({ ...productColumns, rating, reviews: count() })
      .from(reviews)
      .innerJoin(products, eq(products.id, reviews.productId))
      .innerJoin(categories, eq(categories.id, products.categoryId))
      .groupBy(products.id, categories.name)
      .having(gt(count(), 4))
      .orderBy(desc(rating), desc(count()), asc(products.id))
      .limit(shelfSize);
  }

  recentReviews() {
    return this.database
      .select({
        product: products.name,
        by: customers.name,
        rating: reviews.rating,
        comment: reviews.comment,
        at: reviews.createdAt,
      })
      .from(reviews)
      .innerJoin(products, eq(products.id, reviews.productId))
      .innerJoin(customers, eq(customers.id, reviews.customerId))
      .orderBy(desc(reviews.createdAt), desc(reviews.id))
      .limit(shelfSize);
  }

  revenueByCategory() {
    const revenue = rounded(sum(sql`${orderItems.quantity} * ${orderItems.unitPrice}`));
    return this.database
      .select({ name: categories.name, revenue, orders: sql`count(distinct ${orders.id})`.mapWith(Number) })
      .from(orders)
      .innerJoin(orderItems, eq(orderItems.orderId, orders.id))
      .innerJoin(products, eq(products.id, orderItems.productId))
      .innerJoin(categories, eq(categories.id, products.categoryId))
      .groupBy(categories.id)
      .orderBy(desc(revenue));
  }
}

/** Converts a number: Postgres returns averages and sums of money as text. */
const rounded = (value: ReturnType<typeof sum>) => sql`round(${value}, 2)`.mapWith(Number);
