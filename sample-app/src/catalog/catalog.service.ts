import { Injectable } from '@nestjs/common';
import { CatalogQueries } from './catalog.queries.js';

const limit = 20;

@Injectable()
export class CatalogService {
  constructor(private readonly queries: CatalogQueries) {}

  /** Runs thirteen queries: the page that gains most from a cache. */
  async show(page: number) {
    const [
      products,
      total,
      categories,
      stock,
      priceRange,
      featured,
      newArrivals,
      bargains,
      lastPieces,
      bestsellers,
      topRated,
      recentReviews,
      revenue,
    ] = await Promise.all([
      this.queries.page(page, limit),
      this.queries.total(),
      this.queries.categories(),
      this.queries.stockByCategory(),
      this.queries.priceRange(),
      this.queries.featured(),
      this.queries.newArrivals(),
      this.queries.bargains(),
      this.queries.lastPieces(),
      this.queries.bestsellers(),
      this.queries.topRated(),
      this.queries.recentReviews(),
      this.queries.revenueByCategory(),
    ]);
    return {
      page,
      limit,
      total,
      pages: Math.ceil(total / limit),
      products,
      categories,
      stock,
      price_range: priceRange,
      featured,
      new_arrivals: newArrivals,
      bargains,
      last_pieces: lastPieces,
      bestsellers,
      top_rated: topRated,
      recent_reviews: recentReviews,
      revenue,
      generated_at: new Date().toISOString(),
    };
  }
}
